"""Pipelines of dlt as tasks of Airflow: each task calls the program `dlt`.

    with DAG("chess", schedule=data_intervals("@daily"), start_date=datetime(2024, 1, 1), catchup=False, max_active_runs=1):
        tasks = PipelineTasksGroup("chess_pipeline", save_load_info=True)
        tasks.add_run("chess_pipeline.toml", decompose="serialize", retries=2)

Words that Python dlt's `PipelineTasksGroup` has mean the same here.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Callable, Sequence

try:
    from airflow.sdk import BaseOperator, Connection, CronDataIntervalTimetable, TaskGroup, Variable
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2
    from airflow.exceptions import AirflowException, AirflowFailException
    from airflow.hooks.base import BaseHook
    from airflow.models import Variable
    from airflow.models.baseoperator import BaseOperator
    from airflow.timetables.interval import CronDataIntervalTimetable
    from airflow.utils.task_group import TaskGroup

    class Connection:
        get = BaseHook.get_connection

DECOMPOSITIONS = ("none", "serialize", "parallel", "parallel-isolated")
# Exit code of `dlt`: a setting or a file is wrong, and nothing was begun. To try again would be of no use.
WRONG_SETTINGS = 2
# What a killed task left and no retry took up is removed after a week.
LEFT_FOR = 7 * 24 * 3600


def data_intervals(schedule: str | None, timezone: str = "UTC") -> Any:
    """The schedule as one whose runs have a data interval: from one time of the schedule to the next. Airflow 3 gives a plain
    cron expression none."""
    return CronDataIntervalTimetable(schedule, timezone=timezone) if schedule else None


class DltOperator(BaseOperator):
    """Runs a pipeline file, or some of its resources, by the program `dlt`."""

    def __init__(
        self,
        *,
        file: str,
        selected: Sequence[str] = (),
        pipeline_name: str | None = None,
        binary: str = "dlt",
        secrets_variable: str = "dlt_secrets_toml",
        connections: dict[str, str] | None = None,
        local_data_folder: str | None = None,
        wipe_local_data: bool = True,
        save_load_info: bool = False,
        save_trace_info: bool = False,
        on_before_run: Callable[[], None] | None = None,
        first_of: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file, self.selected, self.pipeline_name = file, list(selected), pipeline_name
        self.binary, self.secrets_variable, self.connections = binary, secrets_variable, dict(connections or {})
        self.local_data_folder, self.wipe_local_data = local_data_folder, wipe_local_data
        self.save_load_info, self.save_trace_info = save_load_info, save_trace_info
        self.on_before_run = on_before_run
        # What the first task of a DAG run tells of all of them; nothing for the others.
        self.first_of = first_of
        self._child: subprocess.Popen | None = None

    def execute(self, context: Any) -> None:
        if self.on_before_run:
            self.on_before_run()
        binary = self._find_binary()
        if not Path(self.file).is_file():
            raise AirflowFailException(f"there is no pipeline file {self.file} on this worker: it goes where the DAG goes")
        ti = context["ti"]
        folder = self._folder(ti)
        command = [binary, "run", self.file, f"--work-dir={folder}", "--end-with-parent"]
        if self.selected:
            command.append("--resources=" + ",".join(self.selected))
        if self.pipeline_name:
            command.append(f"--pipeline={self.pipeline_name}")
        command += ["--save-load-info"] * self.save_load_info + ["--save-trace-info"] * self.save_trace_info
        if self.first_of and ti.try_number <= 1:
            command.append(f"--airflow={self.first_of['decompose']}:{self.first_of['elapsed']:.6f}")
        if self.first_of and self.first_of["planned"]:
            command.append("--planned=" + ",".join(self.first_of["planned"]))
        code = None
        try:
            code = self._run(command, self._environment(context))
        finally:
            # A retry on this machine takes up what a failed try had read. After the last one nobody will.
            if self.wipe_local_data and (code in (0, WRONG_SETTINGS) or ti.try_number > (ti.max_tries or 0)):
                shutil.rmtree(folder, ignore_errors=True)
        if code == 0:
            return
        if code == WRONG_SETTINGS:
            raise AirflowFailException("dlt began nothing: a setting, a file or the command line is wrong (the log says which)")
        ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        raise AirflowException(f"dlt {ended}; its last lines are in the log above")

    def on_kill(self) -> None:
        """Airflow ends the task: the program ends, too. It has ten seconds to leave its files in order."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(child.pid, number)
                child.wait(patience)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def _run(self, command: list[str], environment: dict[str, str]) -> int:
        self.log.info("Running %s", " ".join(command))
        self._child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            for line in self._child.stdout:
                self.log.info("%s", line.rstrip())
            return self._child.wait()
        finally:
            self.on_kill()

    def _find_binary(self) -> str:
        found = shutil.which(self.binary)
        if not found:
            raise AirflowFailException(
                f"the program `{self.binary}` is not on this worker: install dlt on every machine that runs tasks, "
                f"or say where it is (`dlt deploy … airflow --binary PATH`, PipelineTasksGroup(binary=…)); PATH is {os.environ.get('PATH')}"
            )
        return found

    def _folder(self, ti: Any) -> Path:
        """The folder of this task in this DAG run, the same for its retries on this machine."""
        parent = Path(self.local_data_folder or tempfile.gettempdir()) / f"dlt_{os.getuid()}"
        name = "\0".join([ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index)])
        folder = parent / sha256(name.encode()).hexdigest()[:20]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise AirflowException(
                f"the folder for this task's data cannot be made: {error}; "
                "local_data_folder (`dlt deploy … airflow --local-data-folder DIR`) names another"
            ) from None
        for other in parent.iterdir():
            try:
                if other != folder and time.time() - other.stat().st_mtime > LEFT_FOR:
                    shutil.rmtree(other, ignore_errors=True)
            except FileNotFoundError:
                pass
        os.utime(folder)
        return folder

    def _environment(self, context: Any) -> dict[str, str]:
        # Airflow's own settings are none of the program's business: its database has a password.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
        if self.secrets_variable:
            secrets = _variable(self.secrets_variable)
            if secrets:
                environment["DLT_SECRETS_TOML"] = secrets
        for name, connection in self.connections.items():
            environment[name] = Connection.get(connection).get_uri()
        for name in ("DLT_INTERVAL_START", "DLT_INTERVAL_END", "DLT_INTERVAL_TIMEZONE"):
            environment.pop(name, None)
        environment.update(_interval(context))
        if "DLT_INTERVAL_START" in environment:
            self.log.info("Data interval: %s to %s", environment["DLT_INTERVAL_START"], environment["DLT_INTERVAL_END"])
        else:
            self.log.info("This DAG run has no data interval")
        return environment


def _variable(name: str) -> str | None:
    """A variable of Airflow, whose value goes nowhere but into the environment of the program."""
    try:
        return Variable.get(name)
    except Exception as error:  # Airflow 2 and 3 have different errors for a variable that is not there.
        if type(error).__name__ in ("KeyError", "AirflowRuntimeError", "AirflowNotFoundException"):
            return None
        raise


def _interval(context: Any) -> dict[str, str]:
    """The data interval of the DAG run in the time zone of the DAG; that of its configuration, if a person gave one. None for a
    run without one (started by hand, or by an asset), or whose interval is empty."""
    dag_run = context["dag_run"]
    conf = dag_run.conf or {}
    start, end = conf.get("interval_start"), conf.get("interval_end")
    if start and end:
        return {"DLT_INTERVAL_START": str(start), "DLT_INTERVAL_END": str(end)}
    start, end = getattr(dag_run, "data_interval_start", None), getattr(dag_run, "data_interval_end", None)
    if start is None or end is None or start >= end:
        return {}
    # The schedule's zone says which day it is. The DAG's is that of its start_date.
    timetable = getattr(context["dag"], "timetable", None)
    zone = getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None) or context["dag"].timezone
    zone = getattr(zone, "name", None) or getattr(zone, "key", None) or str(zone)
    import pendulum

    start, end = (pendulum.instance(moment).in_timezone(zone).isoformat() for moment in (start, end))
    return {"DLT_INTERVAL_START": start, "DLT_INTERVAL_END": end, "DLT_INTERVAL_TIMEZONE": zone}


class PipelineTasksGroup(TaskGroup):
    """A group of tasks that run a pipeline file."""

    def __init__(
        self,
        pipeline_name: str,
        local_data_folder: str | None = None,
        wipe_local_data: bool = True,
        save_load_info: bool = False,
        save_trace_info: bool = False,
        binary: str = "dlt",
        secrets_variable: str = "dlt_secrets_toml",
        connections: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(group_id=_key(pipeline_name.replace(".", "_")), **kwargs)
        self.binary = binary
        self.options = {
            "local_data_folder": local_data_folder,
            "wipe_local_data": wipe_local_data,
            "save_load_info": save_load_info,
            "save_trace_info": save_trace_info,
            "secrets_variable": secrets_variable,
            "connections": connections,
        }
        self.task_names: set[str] = set()
        self.pipeline_names: set[str] = set()

    def run(self, file: str | Path, **kwargs: Any) -> DltOperator:
        """One task that runs the file."""
        return self.add_run(file, plan={"groups": None}, **kwargs)[0]

    def add_run(
        self,
        file: str | Path,
        *,
        decompose: str = "none",
        serialize_first_task: bool = True,
        plan: dict | str | Path | None = None,
        on_before_run: Callable[[], None] | None = None,
        **kwargs: Any,
    ) -> list[DltOperator]:
        """One task, or one for each group of resources that go together; `kwargs` are those of Airflow's operators.

        `plan` is what `dlt deploy FILE airflow --format json` prints, or a file of it; without one the program is asked, in a few
        milliseconds, whenever the DAG is parsed.
        """
        started = time.perf_counter()
        if decompose not in DECOMPOSITIONS:
            raise ValueError(f"decompose is one of {', '.join(DECOMPOSITIONS)}, not {decompose!r}")
        file = str(file)
        plan = _plan(file, plan, self.binary, decompose)
        name = plan.get("pipeline") or self.group_id
        groups = plan.get("groups") or []
        if decompose.startswith("parallel") and plan.get("concurrency") == "one_process" and len(groups) > 1:
            raise ValueError(
                f"{plan['destination']} takes one process at a time, so tasks can't load into it in parallel: "
                "decompose by `serialize`, or load into a server"
            )
        if decompose != "none" and plan.get("one_task_because"):
            logging.getLogger(__name__).warning("%s is one task: %s", file, plan["one_task_because"])
        if decompose == "none" or len(groups) < 2:
            groups = [[]]
        planned = [resource for group in groups for resource in group]
        if decompose == "parallel" and plan.get("concurrency") == "unguarded" and plan.get("incremental"):
            logging.getLogger(__name__).warning(
                "%s: of what parallel tasks of one pipeline remember, %s can lose some: use `serialize` or `parallel-isolated`",
                file,
                plan["destination"],
            )
        tasks: list[DltOperator] = []
        with self:
            for group in groups:
                task_id = self._task_id(name, group)
                is_apart = decompose == "parallel-isolated" and len(groups) > 1
                tasks.append(
                    DltOperator(
                        task_id=task_id,
                        file=file,
                        selected=group,
                        pipeline_name=_unique(self.pipeline_names, _plain(task_id), group) if is_apart else None,
                        binary=self.binary,
                        on_before_run=on_before_run,
                        first_of=None if tasks else {"decompose": decompose, "planned": planned, "elapsed": 0.0},
                        **self.options,
                        **kwargs,
                    )
                )
        if decompose == "serialize":
            for before, after in zip(tasks, tasks[1:]):
                before >> after
        elif serialize_first_task and len(tasks) > 1:
            tasks[0] >> tasks[1:]
        tasks[0].first_of["elapsed"] = time.perf_counter() - started
        return tasks

    def _task_id(self, pipeline: str, group: Sequence[str]) -> str:
        shown = list(group[:4]) + ([f"{len(group) - 4}-more"] if len(group) > 4 else [])
        return _unique(self.task_names, _key("_".join([pipeline, "-".join(shown)]) if group else pipeline), group)


def _unique(taken: set[str], name: str, group: Sequence[str]) -> str:
    """The name, or one beside it that only this group of resources has, so that it stays the same when others come."""
    if name in taken:
        name += "_" + sha256("\0".join(group).encode()).hexdigest()[:8]
    again, base = 2, name
    while name in taken:
        name, again = f"{base}_{again}", again + 1
    taken.add(name)
    return name


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def _key(name: str) -> str:
    """The name in letters that task ids have, and short enough."""
    key = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-") or "run"
    return key if len(key) <= 120 else f"{key[:110]}_{sha256(name.encode()).hexdigest()[:8]}"


def _plan(file: str, plan: dict | str | Path | None, binary: str, decompose: str) -> dict:
    if isinstance(plan, dict):
        return plan
    if plan is not None:
        return json.loads(Path(plan).read_text(encoding="utf-8"))
    if decompose == "none":
        return {}
    command = [binary, "deploy", file, "airflow", "--format=json", "--quiet"]
    # To parse a DAG is no use of the program that is to be told of.
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    try:
        told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(
            f"the resources of {file} cannot be told: {error}; make the plan where dlt is (`{' '.join(command)} > plan.json`) "
            "and give it to add_run(plan=…)"
        ) from None
    if told.returncode:
        raise RuntimeError(f"the resources of {file} cannot be told: {told.stderr.strip()}")
    return json.loads(told.stdout)
