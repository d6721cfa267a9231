import pytest
from starlette.testclient import TestClient

from vmas_pipeline.study.app import make_app

NEITHER = {"quality": "neither", "synchronisation": "neither"}


@pytest.fixture
def client(study):
    return TestClient(make_app(study))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def started(client):
    return bearer(client.post("/v1/raters", json={}).json()["token"])


def test_a_rater_goes_through_the_study(client, study):
    me = started(client)
    assert client.get("/v1/progress", headers=me).json()["trial"] is None
    tones = client.get("/v1/progress", headers=me).json()["tones"]
    assert client.post("/v1/sound", headers=me, json={"tones": tones + 1}).json() == {"right": False}
    assert client.post("/v1/sound", headers=me, json={"tones": tones}).json() == {"right": True}
    progress = client.get("/v1/progress", headers=me).json()
    while progress["trial"]:
        assert set(progress["trial"]) == {"id", "position", "left", "right"}
        study.now += 5
        body = {"trial": progress["trial"]["id"], "choices": NEITHER}
        progress = client.post("/v1/answers", headers=me, json=body).json()
    assert progress["answered"] == progress["trials"] == 3 and len(study.answers()) == 6
    assert client.delete("/v1/raters", headers=me).status_code == 204
    assert client.get("/v1/progress", headers=me).status_code == 401 and study.answers() == []


def test_too_early_is_a_conflict_with_its_reason(client):
    me = started(client)
    client.post("/v1/sound", headers=me, json={"tones": client.get("/v1/progress", headers=me).json()["tones"]})
    trial = client.get("/v1/progress", headers=me).json()["trial"]
    answer = client.post("/v1/answers", headers=me, json={"trial": trial["id"], "choices": NEITHER})
    assert (answer.status_code, answer.json()["detail"]) == (409, "play both videos to their end first")


def test_every_response_forbids_outside_assets_and_keeps_links_private(client):
    for path in ("/", "/page/study.js", "/v1/study", "/v1/progress", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"] and headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/v1/progress", {}, 401),
        ("GET", "/v1/progress", {"headers": bearer("guessed")}, 401),
        ("GET", "/v1/progress", {"headers": bearer("x" * 300)}, 422),
        ("DELETE", "/v1/raters", {"headers": bearer("guessed")}, 401),
        ("POST", "/v1/raters", {"headers": bearer("guessed")}, 401),
        ("POST", "/v1/raters", {"content": b"x" * 5000}, 413),
        ("POST", "/v1/raters", {"content": iter([b"x"] * 10)}, 413),
        ("GET", "/media/study.db", {}, 404),
        ("GET", "/media/..%2Fstudy.db", {}, 404),
        ("GET", "/page/..%2Fapp.py", {}, 404),
        ("GET", "/page/index.html", {}, 422),
        ("GET", "/openapi.json", {}, 404),
    ],
)
def test_what_is_not_allowed_is_refused(client, method, path, options, status):
    assert client.request(method, path, **options).status_code == status


def test_wrong_answers_are_refused(client):
    me = started(client)
    for body in ({"trial": "1", "choices": NEITHER}, {"trial": 1, "choices": {"quality": "maybe"}}, {"trial": 1}, []):
        assert client.post("/v1/answers", headers=me, json=body).status_code == 422


def test_videos_can_be_sought(client, study):
    name = next(iter(study.items.values())).first_media
    part = client.get(f"/media/{name}.mp4", headers={"Range": "bytes=10-19"})
    assert (part.status_code, len(part.content), part.headers["content-type"]) == (206, 10, "video/mp4")


def test_a_study_by_invitation_admits_only_links(study):
    client = TestClient(make_app(study, invited_only=True))
    assert client.post("/v1/raters", json={}).status_code == 403
    (token,) = study.invite(1)
    assert client.post("/v1/raters", json={}, headers=bearer(token)).json() == {"token": token}
    assert client.get("/v1/progress", headers=bearer(token)).json()["trials"] == 3


def test_a_full_study_thanks_whoever_comes_late(study):
    client = TestClient(make_app(study, most_raters=1))
    me = started(client)
    assert client.post("/v1/raters", json={}).status_code == 403
    assert client.get("/v1/progress", headers=me).status_code == 200
