"""Training: shards to a model folder, under DeepSpeed.

Read in this order: config, data, objective, optimisation, engine, checkpoints, loop (one process of the training),
launcher (starts the processes), stage (what the pipeline calls).
"""
