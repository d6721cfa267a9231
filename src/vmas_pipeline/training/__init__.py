"""Training: shards to a model folder, under DeepSpeed.

Read in this order: config, pretrained, data, objective, optimisation, checkpoints, watch, loop (one process of the
training), launcher (starts the processes), stage (what the pipeline calls).
"""
