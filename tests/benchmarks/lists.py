"""The list of runs, when there are many with much to tell."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode

from tests.benchmarks.rig import Rig, Row
from tests.studio_process import TOP

RUNS = 10_000
ROUNDS = 20
COLUMNS = "status,name,user,metrics,metrics.m3,metrics.m4,params.p3,params.p4,created,duration"
ASKED = {
    "newest first": "",
    "sorted by a metric": "sort:-metrics.m3",
    "filtered and sorted": "status:completed metrics.m3>0.4 params.p3<500 tag:k sort:-metrics.m4",
}
FILL = """
import random, secrets, sys, django
django.setup()
from django.utils import timezone
from runs.models import Attempt, MetricSeries, Run, RunParam
from runs.params import number_of, params_of
first = Run.objects.filter(status="completed").earliest("pk")
draw = random.Random(1)
for _ in range(0, int(sys.argv[1]), 1000):
    runs = []
    for number in range(1000):
        run = Run.objects.get(pk=first.pk)
        run.pk, run.uid, run.name = None, secrets.token_hex(6), f"trial {number}"
        run.status = draw.choice(["completed", "completed", "failed"])
        run.tags = {"k": str(number % 9)} if number % 2 else {}
        pairs = [(f"--p{n}", str(draw.randrange(1000))) for n in range(30)]
        run.command = ["python", "train.py", *(word for pair in pairs for word in pair)]
        runs.append(run)
    Run.objects.bulk_create(runs)
    Attempt.objects.bulk_create(Attempt(run=r, number=1, folder=f"none-{r.uid}") for r in runs)
    RunParam.objects.bulk_create(
        [RunParam(run=r, name=name, text=text, number=number_of(text))
         for r in runs for name, text in params_of(r.command).items()], batch_size=5000)
    MetricSeries.objects.bulk_create(
        [MetricSeries(run=r, name=f"m{n}", last=draw.random(), count=1)
         for r in runs for n in range(20)], batch_size=5000)
"""


def run_list(rig: Rig) -> Iterator[Row]:
    """A page of 100 of 10,000 runs with 30 parameters and 20 metrics each, as the browser asks."""
    subprocess.run(
        [sys.executable, "-c", FILL, str(RUNS)],
        cwd=TOP,
        check=True,
        env={**os.environ, **rig.studio.env, "DJANGO_SETTINGS_MODULE": "studio.settings"},
    )
    cookie = rig.studio.session_cookie()
    for what, query in ASKED.items():
        words = urlencode({"q": query, "columns": COLUMNS, "size": "100"})
        request = urllib.request.Request(
            f"{rig.studio.record.url}runs/?{words}", headers={"Cookie": cookie}
        )
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            with urllib.request.urlopen(request, timeout=30) as answer:
                page = answer.read()
            times.append(time.perf_counter() - began)
            assert page.count(b'<tr id="run-') == 100
        took = statistics.median(times)
        yield Row(f"100 of {RUNS:,} runs, {what}, s (median)", took, None, "< 0.1")
