"""Draws the picture of a synthetic music video, as varied as films are."""

from vmas_pipeline.sample_data.picture.film import Film, plan_film, render
from vmas_pipeline.sample_data.picture.formats import FORMATS, FRAME_RATES, choose_frame_rate
from vmas_pipeline.sample_data.picture.photographs import Photograph

__all__ = ["FORMATS", "FRAME_RATES", "Film", "Photograph", "choose_frame_rate", "plan_film", "render"]
