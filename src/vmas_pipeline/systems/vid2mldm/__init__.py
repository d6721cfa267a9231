"""Vid2MLDM: Tango (Ghosal et al. 2023), latent diffusion of mel spectrograms, on video features in place of text.

Published for text alone: this follows its design at the default's scale. Coarse colours with their changes, as MVPt's,
stand in for a pretrained video encoder, and the decoder of our codec for its vocoder.
"""

from vmas_pipeline.systems.vid2mldm.config import Vid2MLDMConfig
from vmas_pipeline.systems.vid2mldm.system import Vid2MLDMSystem
from vmas_pipeline.systems.vid2mldm.training import fit

__all__ = ["Vid2MLDMConfig", "Vid2MLDMSystem", "fit"]
