"""A standalone cluster of Spark on this machine: one master, and workers that can be killed."""

import os
import socket
import subprocess
import time
from pathlib import Path

HOST = "127.0.0.1"
PATIENCE = 120


class Cluster:
    """One master and its workers, each a process of its own."""

    def __init__(self, home: Path, workers: int = 2) -> None:
        """Nothing is started yet; logs and what workers write lie in `home`."""
        self.home = home
        self.workers = workers
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        self.url = f"spark://{HOST}:{self.port}"
        self.log = home / "master.log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Cluster":
        """Start all, and wait until the master knows its workers."""
        self.home.mkdir(parents=True)
        try:
            listens = ("--host", HOST, "--port", str(self.port), "--webui-port", "0")
            self.start("master", "org.apache.spark.deploy.master.Master", *listens)
            self.wait("I have been elected leader", 1)
            for number in range(self.workers):
                self.start(
                    f"worker-{number}", "org.apache.spark.deploy.worker.Worker",
                    "--host", HOST, "--webui-port", "0", "--cores", "1", "--memory", "2g",
                    "--work-dir", str(self.home / f"worker-{number}"), self.url,
                )  # fmt: skip
            self.wait("Registering worker", self.workers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End each process, by its id."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def start(self, name: str, *arguments: str) -> None:
        """Start one process, which writes its log beside the others."""
        import pyspark

        home = Path(pyspark.__file__).parent
        surroundings = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": HOST}
        with (self.home / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(  # noqa: S603
                    [home / "bin" / "spark-class", *arguments], stdout=log, stderr=log, env=surroundings
                )
            )

    def wait(self, said: str, times: int) -> None:
        """Wait until the master has said something so often."""
        deadline = time.monotonic() + PATIENCE
        while not self.log.exists() or self.log.read_text().count(said) < times:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.processes[0].poll() is None, self.log.read_text()
            time.sleep(0.2)

    def kill_worker(self) -> None:
        """Kill the last worker. Its executor ends by itself, with all that it had shuffled."""
        self.processes[-1].kill()
        self.processes[-1].wait()
