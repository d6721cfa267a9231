"""Shards behind a web server, as behind any address that fsspec reads."""

import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from safetensors.torch import load_file
from upath import UPath

from vmas_pipeline.training.data import ShuffledClips
from vmas_pipeline.training.stage import train


class Ranges(BaseHTTPRequestHandler):
    """Files, whole or a range of them, and listings of folders, as object stores answer."""

    def __init__(self, *arguments, root: Path, asked: list[str]):
        self.root, self.asked = root, asked
        super().__init__(*arguments)

    def do_GET(self, body: bool = True):
        path = self.root / self.path.strip("/")
        if path.is_dir():
            content = "".join(f'<a href="{child.name}">{child.name}</a>' for child in path.iterdir()).encode()
        elif path.is_file():
            content = path.read_bytes()
        else:
            self.send_error(404)
            return
        wanted = self.headers.get("Range", "")
        part = content
        if wanted:
            first, last = wanted.removeprefix("bytes=").split("-")
            part = content[int(first) : int(last or len(content) - 1) + 1]
            self.asked.append(f"{path.name} {wanted}")
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.end_headers()
        if body:
            self.wfile.write(part)

    def do_HEAD(self):
        self.do_GET(body=False)

    def log_message(self, *_):
        pass


@pytest.fixture
def served(features):
    """The address of the features, and what was asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, root=features, asked=asked))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.flow
def test_a_model_is_trained_from_an_address(served, codec, clip, small_config, tmp_path):
    address, asked = served
    train(small_config(), clip, UPath(address), codec, tmp_path / "model", tmp_path / "checkpoints")
    assert any(".tar bytes=" in line for line in asked), "clips are read as ranges of shards"
    assert load_file(tmp_path / "model" / "model.safetensors")


def test_clips_from_an_address_are_those_of_the_folder(served, features):
    near, far = (ShuffledClips(folder, seed=0) for folder in (features, UPath(served[0])))
    for position in (0, 7, 30):
        (expected, place), (found, place_there) = near[position], far[position]
        assert (found.clip_id, place_there) == (expected.clip_id, place)
        assert (found.frames == expected.frames).all()
