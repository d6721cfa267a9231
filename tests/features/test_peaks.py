import numpy as np
import pytest

from vmas_pipeline.features.peaks import flow_peaks


def field_peaks(flow, frame_rate):
    """The local maxima of the AV-Align metric, as its authors' loop finds them."""
    return [(i + 0.5) / frame_rate for i in range(1, len(flow) - 1) if flow[i - 1] < flow[i] > flow[i + 1]]


def test_local_maxima_equal_the_fields_loop():
    flow = np.random.default_rng(0).random(47)
    np.testing.assert_allclose(flow_peaks(flow, 9.6, "local_maximum"), field_peaks(flow, 9.6), rtol=1e-6)


def test_prominent_peaks_leave_out_ripples():
    flow = np.random.default_rng(0).random(47) * 0.1
    flow[[5, 20, 40]] += 1.0
    np.testing.assert_allclose(flow_peaks(flow, 10.0), [0.55, 2.05, 4.05], rtol=1e-6)


def test_two_peaks_within_two_frames_count_once():
    flow = np.zeros(20)
    flow[[5, 7]] = 1.0, 0.9
    np.testing.assert_allclose(flow_peaks(flow, 10.0), [0.55])


@pytest.mark.parametrize("method", ["prominent", "local_maximum"])
@pytest.mark.parametrize("flow", [np.zeros(0), np.ones(1), np.ones(30), np.zeros(30)])
def test_flat_and_short_curves_have_no_peaks(flow, method):
    assert flow_peaks(flow, 9.6, method).shape == (0,)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'bare' is unknown: choose 'prominent' or 'local_maximum'"):
        flow_peaks(np.ones(5), 9.6, "bare")
