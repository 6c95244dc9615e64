# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Retrain on your own history
#
# From a history to a judged model, by hand. `make demo` has made the history used here: a simulated
# company, so that its truth is known. Point `HISTORY` and `PLAYBOOK` at your own to work on them.

# %%
import os
from pathlib import Path

from features import active_days, count, trend
from pipelines.params import TrainParams, TuningParams
from pipelines.workbench import open_history, read_playbook, train

DEMO = Path(os.environ.get("LEADLIGHT_DEMO", "../demo"))
HISTORY, PLAYBOOK = DEMO / "history", DEMO / "exports" / "playbook.yaml"

# %% [markdown]
# ## What is there

# %%
history = open_history(HISTORY)
history

# %%
history.table("events").groupby("type").size().sort_values(ascending=False).head(12)

# %% [markdown]
# Every row carries two times: when it happened and when it was known. Features only see what was known
# before the question. Some rows arrive late:

# %%
events = history.table("events")
late = (events["known_at"] - events["occurred_at"]).dt.total_seconds() / 86_400
late[late > 0].describe().round(2)

# %% [markdown]
# ## What to ask, and what counts
#
# The playbook is what marketing and sales agreed on.

# %%
playbook = read_playbook(PLAYBOOK)
print(playbook.definition().version, "| horizon", playbook.horizon_days, "days | asked:", playbook.snapshots)

# %% [markdown]
# ## Features
#
# The catalogue picks itself from the history. One more of your own is one more line.

# %%
features = history.features(playbook)
features += (
    count("pricing_view", days=3)
    + trend("web_visit", days=7, versus=90)
    + active_days("email_click", days=14)
)
len(features), [feature.name for feature in features[-3:]]

# %%
snapshots = history.snapshots(playbook, features)
snapshots.to_pandas().iloc[:5, :14]

# %%
snapshots.to_pandas().pivot_table(
    index="service_line", columns="label_state", values="as_of", aggfunc="count"
)

# %% [markdown]
# ## Train
#
# All models race forward in time inside the earlier part; the last quarter is looked at once, at the end.

# %%
run = train(snapshots, TrainParams(tuning=TuningParams(trials=0), bootstrap_draws=200))
run.compare().round(3)

# %%
run

# %% [markdown]
# ## One lead
#
# Reasons are parts of the very number: they add up to its log-odds.

# %%
lead = snapshots.lead_id[-1]
run.reasons(lead).head(8)

# %% [markdown]
# ## Keep it
#
# Writes report, predictions and the bundle that is served, and logs the run to MLflow.

# %%
saved = run.save(DEMO / "notebook_run")
print(saved["winner"], saved["bundle_sha256"][:12], saved["mlflow_run_id"])
