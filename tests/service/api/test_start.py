"""A start takes up where the last process left off, without doing what nobody asked for yet."""

import subprocess
import sys


def test_a_start_does_not_wait_for_libraries_that_only_some_requests_need(bundle_folder, tmp_path):
    code = ("import sys; from oilcan.serving.server import make_app; "
            "from oilcan.serving.ground.settings import read_settings;"
            "settings = read_settings({}, bundle=sys.argv[1], store=sys.argv[2], accept_rejected=True);"
            "service = make_app(settings).state.service;"
            "service.live.restored.result(); service.close();"
            "sys.exit(' '.join(sorted({'pandas', 'sklearn', 'joblib'} & set(sys.modules))))")
    words = [sys.executable, "-c", code, bundle_folder, f"sqlite:///{tmp_path}/service.db"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
