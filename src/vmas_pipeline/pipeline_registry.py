"""The flow, in order. `kedro run` runs it without the experiments, `kedro run --pipelines=NAME` one stage."""

from kedro.pipeline import Pipeline

from vmas_pipeline.pipelines import (
    codec,
    curation,
    curation_plan,
    evaluation,
    experiments,
    features,
    films,
    generation,
    registration,
    sample_data,
    train,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Name -> pipeline. dvc.yaml uses the same names."""
    flow = {
        "sample_data": sample_data.pipeline(),
        "curation": curation.pipeline(),
        "codec": codec.pipeline(),
        "features": features.pipeline(),
        "train": train.pipeline(),
        "generation": generation.pipeline(),
        "evaluation": evaluation.pipeline(),
        "registration": registration.pipeline(),
    }
    aside = {
        **{name: experiments.pipeline(name) for name in experiments.EXPERIMENTS},
        "films": films.pipeline(),
        "curation_plan": curation_plan.pipeline(),
        "train_plan": train.plan_pipeline(),
    }
    return {**flow, **aside, "__default__": sum(flow.values(), Pipeline([]))}
