"""The images are made of what the sources say, and nothing else."""

from __future__ import annotations

import io
import subprocess
import tarfile

from flotilla.images import context


def test_equal_sources_give_an_equal_context() -> None:
    assert context() == context()


def test_the_operators_part_stays_out_of_the_images() -> None:
    with tarfile.open(fileobj=io.BytesIO(context())) as tar:
        names = tar.getnames()
    assert "flotilla/domain/handed.py" in names
    assert not [name for name in names if name.startswith(("flotilla/cli", "flotilla/lab", "flotilla/operator"))]


def test_the_gateways_image_has_haproxy_and_serf_and_no_root(gateway_image: str) -> None:
    run = ["docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", "--entrypoint", "sh", gateway_image, "-c"]
    said = subprocess.run([*run, "id -u; serf version | head -1"], check=True, capture_output=True, text=True).stdout
    assert said.split()[0] == "7946"
    bind = ["docker", "run", "--rm", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE", "--entrypoint", "haproxy"]
    said = subprocess.run([*bind, gateway_image, "-v"], check=True, capture_output=True, text=True).stdout
    assert said.startswith("HAProxy version 3.")
