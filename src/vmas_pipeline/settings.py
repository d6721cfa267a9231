"""Kedro's settings for this project."""

from vmas_pipeline.hooks import RunHooks

HOOKS = (RunHooks(),)
SESSION_STORE_ARGS: dict[str, str] = {}
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment's file overrides only the keys that it names; their siblings are kept.
    "merge_strategy": {"parameters": "soft", "mlflow": "soft"},
    "config_patterns": {"mlflow": ["mlflow*"]},
}
