"""A SLURM cluster of one's own on this machine for the time of a test run, from Debian's slurm-wlm and munge."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo", "scancel")


def there():
    """Return whether the programs are here and this process may start them."""
    return os.geteuid() == 0 and all(shutil.which(program) for program in PROGRAMS)


def _free_ports(count):
    with contextlib.ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def _settings(folder, cores, memory_mib):
    control, node = _free_ports(2)
    here = socket.gethostname().partition(".")[0]
    return f"""\
ClusterName=segqc
SlurmctldHost={here}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=2
NodeName={here} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mib} State=UNKNOWN
PartitionName=work Nodes={here} Default=YES MaxTime=INFINITE State=UP
"""


def _wait(done, what, seconds=30):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"SLURM on this machine: {what} did not happen within {seconds} s.")
        time.sleep(0.2)


@contextlib.contextmanager
def cluster(cores=2, memory_mib=4096):
    """Yield the environment in which sbatch and its like speak to a cluster of one node; all of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="segqc-slurm-"))
    folder.chmod(0o755)
    started = []
    try:
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        (folder / "slurm.conf").write_text(_settings(folder, cores, memory_mib))
        environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

        def start(*command):
            with (folder / f"{command[0]}.out").open("wb") as said:
                started.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said, cwd=folder))

        start(
            "munged",
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munge.pid",
            f"--log-file={folder}/munge.log",
            f"--seed-file={folder}/munge.seed",
        )
        _wait((folder / "munge.socket").exists, "the start of munged")
        start("slurmctld", "-D", "-c")
        start("slurmd", "-D")

        def idle():
            said = subprocess.run([shutil.which("sinfo"), "-h", "-o", "%t"], env=environment, capture_output=True, text=True)
            return said.stdout.strip() == "idle"

        _wait(idle, "a node that takes jobs")
        yield environment
        subprocess.run([shutil.which("scancel"), "--me", "--signal=KILL", "--full"], env=environment, capture_output=True)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
