"""CMT (Di et al. 2021): a score under the control of a video's motion, from a model that has seen scores alone."""
