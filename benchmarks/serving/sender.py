"""Send bodies as fast as they are taken, two on their way at a time: sender.py BODIES.json; prints seconds."""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def send(port: int, requests: list[dict[str, str]]) -> None:
    """All requests over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for each in requests:
        connection.request("POST", each["path"], each["body"].encode(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(said[:500].decode())
    connection.close()


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    send(job["port"], job["warm"])
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        list(pool.map(lambda first: send(job["port"], job["job"][first::2]), (0, 1)))
        print(time.perf_counter() - began)
