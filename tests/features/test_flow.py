import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_small

from vmas_pipeline.features.flow import mean_flow


def shifted(steps, size=64):
    """A smooth random texture moved right by the given pixels from frame to frame."""
    noise = np.random.default_rng(0).random((size, 2 * size))
    smooth = np.real(np.fft.ifft2(np.fft.fft2(noise) * _low_pass(noise.shape)))
    picture = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
    places = np.concatenate([[0], np.cumsum(steps)])
    return np.stack([np.roll(picture, place, axis=1)[:, :size, None].repeat(3, axis=2) for place in places])


def _low_pass(shape, width=0.06):
    y, x = np.meshgrid(*(np.fft.fftfreq(side) for side in shape), indexing="ij")
    return np.exp(-(x**2 + y**2) / (2 * width**2))


def test_dis_measures_the_shift_in_picture_widths():
    flow = mean_flow(shifted([1, 3, 0, 2]))
    assert flow.dtype == np.float32
    np.testing.assert_allclose(flow * 64, [1, 3, 0, 2], atol=0.35)


def test_dis_at_another_size_measures_the_same():
    np.testing.assert_allclose(mean_flow(shifted([2, 3]), size=96), mean_flow(shifted([2, 3])), rtol=0.2)


def test_dis_does_not_remember_the_pair_before():
    alone = mean_flow(shifted([3])), mean_flow(shifted([3, 0])[1:])
    np.testing.assert_array_equal(mean_flow(shifted([3, 0])), np.concatenate(alone))


def test_still_frames_do_not_move():
    assert mean_flow(shifted([0, 0])).max() < 1e-3


@pytest.fixture(scope="module")
def raft_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def test_raft_runs_on_small_frames_from_a_local_file(raft_file):
    flow = mean_flow(shifted([1, 2], size=32), "raft", raft_weights=raft_file)
    assert flow.shape == (2,)
    assert np.isfinite(flow).all()


def test_raft_equals_torchvisions_own_call(raft_file):
    frames = shifted([1], size=128)
    network = raft_small(weights=None)
    network.load_state_dict(torch.load(raft_file))
    pair = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        field = network.eval()(pair[:1], pair[1:])[-1]
    expected = field.square().sum(1).sqrt().mean() / 128
    np.testing.assert_allclose(mean_flow(frames, "raft", raft_weights=raft_file), [expected], rtol=1e-4)


def test_raft_without_weights_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="features.raft_weights, or set features.flow_method to 'dis'"):
        mean_flow(shifted([1]), "raft", raft_weights=tmp_path / "missing.pth")


def test_weights_of_something_else_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="does not hold the weights of torchvision's raft_large or raft_small"):
        mean_flow(shifted([1]), "raft", raft_weights=tmp_path / "other.pth")


def test_one_frame_and_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="two frames or more, got 1"):
        mean_flow(shifted([]))
    with pytest.raises(ValueError, match="set features.flow_method to 'dis' or 'raft'"):
        mean_flow(shifted([1]), "farneback")
