import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.embeddings import EMBEDDINGS, embeddings_of
from vmas_pipeline.evaluation.embeddings.musicnn import Musicnn

LOCAL = sorted(set(EMBEDDINGS) - {"musicnn"})


def test_embeddings_stand_in_their_order_under_their_names():
    config = TypeAdapter(EvaluationConfig).validate_python({"embeddings": [{"kind": "musicnn", "data": "MSD"}]})
    assert config.embeddings == (Musicnn(data="MSD"),)
    found = embeddings_of([{"kind": "vggish", "weights": "v.pth"}, {"kind": "mert", "weights": "m", "layer": 7}])
    assert [each.name for each in found] == ["vggish", "mert_7"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{"kind": "whisper"}], "there is no kind 'whisper'; there are musicnn, encodec, vggish, clap, passt, mert"),
        ([{"data": "MTT"}], "there is no kind None"),
        ([], r"evaluation.embeddings \(none\) must be one or more"),
        ([{"kind": "musicnn"}] * 2, r"\(mtt_musicnn, mtt_musicnn\) must be one or more, all different"),
        ([{"kind": "musicnn", "date": "MTT"}], "date"),
        ([{"kind": "vggish"}], "weights"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, message):
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(EvaluationConfig).validate_python({"embeddings": settings})


@pytest.mark.parametrize("kind", LOCAL)
def test_missing_weights_are_refused_with_the_way_out(kind, tmp_path):
    (embedding,) = embeddings_of([{"kind": kind, "weights": tmp_path / "none"}])
    told = rf"the embedding {kind} has no weights at .*none: put .* \(.*\) there.*leave it out of evaluation.embeddings"
    with pytest.raises(ValueError, match=told):
        embedding.prepare()


@pytest.mark.parametrize(
    ("kind", "message"),
    [("vggish", r"holds no VGGish: it has no features\.0\.weight"), ("passt", "holds no PaSST: it has no dist_token")],
)
def test_weights_of_another_network_are_refused(kind, message, tmp_path):
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "other.pth")
    (embedding,) = embeddings_of([{"kind": kind, "weights": tmp_path / "other.pth"}])
    with pytest.raises(ValueError, match=message):
        embedding.load()


def test_a_file_that_is_no_state_dict_is_refused(tmp_path):
    (tmp_path / "v.pth").write_bytes(b"<html>not found</html>")
    (embedding,) = embeddings_of([{"kind": "vggish", "weights": tmp_path / "v.pth"}])
    with pytest.raises(ValueError, match="v.pth holds no weights of torch's"):
        embedding.load()


def test_the_identity_follows_the_content_of_the_weights(tmp_path):
    (embedding,) = embeddings_of([{"kind": "vggish", "weights": tmp_path / "v.pth"}])
    identities = []
    for content in (b"a", b"b"):
        (tmp_path / "v.pth").write_bytes(content)
        identities.append(embedding.identity())
    assert identities[0] != identities[1]
    assert Musicnn().identity() != Musicnn(data="MSD").identity()
