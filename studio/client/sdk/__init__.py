"""The studio as objects: what `from studio.client import Workspace, …` finds.

Workspace          one studio, one workspace, the caller
├─ Experiment      a named group of runs; submits a ScriptRunConfig
│   └─ SubmittedRun    one run: wait for it, read it, fetch what it made
├─ ComputeTarget   where runs execute
└─ Environment     what runs execute in
"""
