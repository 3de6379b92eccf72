#!/usr/bin/env bash
# Builds the image of the Containerfile without a registry, runs it as its first lines say, and fails if that does not work.
# For root on Debian 12 with Python 3.11, some four minutes: apt-get install buildah podman runc mmdebstrap; docs/supply-chain.md says more.
# The base image is made of Debian's packages instead of pulled, and named as the Containerfile names it.
set -euo pipefail
cd "$(dirname "$0")/../.."
file=deploy/docker/Containerfile
folder=$(realpath -m "${1:-.oilcan/image}")         # the base and the packages stay in it for the next run
mkdir -p "$folder/wheels"
stores=(--root "$folder/store" --runroot "$folder/run" --storage-driver vfs)
podman() { command podman "${stores[@]}" --cgroup-manager cgroupfs --runtime runc "$@"; }
buildah() { command buildah "${stores[@]}" "$@"; }
remove() { podman rm -fa >/dev/null 2>&1; podman volume rm -fa >/dev/null 2>&1; rm -rf "$folder/store" "$folder/run"; }
remove
trap remove EXIT

echo "== base: Debian's Python under the name that the Containerfile asks for"
name=$(awk '$1 == "FROM" {print $2; exit}' $file)
[ -e "$folder/base.tar" ] || {
  mmdebstrap --quiet --variant=minbase --include=python-is-python3,python3-venv,ca-certificates bookworm "$folder/part.tar"
  mv "$folder/part.tar" "$folder/base.tar"; }
base=$(buildah from scratch)
buildah add --quiet "$base" "$folder/base.tar" / >/dev/null
buildah commit --quiet --rm "$base" "$name" >/dev/null

echo "== packages: by the settings of pip here, checked against the lock file here and again in the build"
python3 -m pip download --disable-pip-version-check --quiet --no-deps --require-hashes -r requirements/serve.txt \
  -d "$folder/wheels"
printf '[global]\nno-index = true\nfind-links = /wheels\n' > "$folder/pip.conf"

echo "== build: every step of the Containerfile"
buildah bud --quiet --isolation chroot --pull=never --format docker -f $file -t oilcan \
  -v "$folder/wheels:/wheels:ro" -v "$folder/pip.conf:/etc/pip.conf:ro" . >"$folder/build.log" 2>&1 ||
  { cat "$folder/build.log"; exit 1; }

echo "== run: read-only, even /tmp, without capabilities, without network, as the user of the Containerfile"
run=(--network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --no-healthcheck --read-only --read-only-tmpfs=false
     --cap-drop=ALL --security-opt=no-new-privileges -v ./models:/models:ro -v data:/data)
token=$(podman run --rm "${run[@]}" oilcan keys create --name proof --scope admin | tail -1)
podman run --detach --name service "${run[@]}" oilcan >/dev/null
mapfile -t health < <(podman image inspect oilcan --format '{{range .Config.Healthcheck.Test}}{{println .}}{{end}}' | sed '1d;/^$/d')
for _ in $(seq 60); do
  podman exec service "${health[@]}" 2>/dev/null && break
  sleep 1
done
podman exec service "${health[@]}"
asked='import os, sys, urllib.request as u
for path, header in (("/healthz", {}), ("/v1/model", {"Authorization": "Bearer " + sys.argv[1]})):
    print(path, u.urlopen(u.Request("http://127.0.0.1:8080" + path, headers=header), timeout=20).status)
print("user", os.getuid(), [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")])
for place in ("/", "/venv/", "/tmp/", "/models/"):
    try:
        open(place + "written", "w")
    except OSError as err:
        print(place, err.strerror)
    else:
        sys.exit(f"{place} can be written to")'
podman exec service python -c "$asked" "$token"
podman stop --time 20 service >/dev/null
[ "$(podman inspect service --format '{{.State.ExitCode}}')" = 0 ] || { podman logs service; exit 1; }
echo "== the image builds, runs read-only as nobody special, answers and stops by itself when asked"
