"""Where somebody speaks, by silero-vad (MIT), whose weights are in its package."""

# N samples

import numpy as np

SAMPLE_RATE = 16_000


def find_speech(waveform: np.ndarray) -> list[tuple[float, float]]:
    """Sections with speech, in seconds.

    Args:
        waveform: float32 [N] at 16 kHz.
    """
    import torch

    threads = torch.get_num_threads()
    from silero_vad import get_speech_timestamps, load_silero_vad  # sets the number of threads for the whole process

    torch.set_num_threads(threads)
    model = load_silero_vad()  # its state makes it one caller's
    found = get_speech_timestamps(torch.from_numpy(waveform), model, sampling_rate=SAMPLE_RATE)
    return [(section["start"] / SAMPLE_RATE, section["end"] / SAMPLE_RATE) for section in found]
