"""What must be there before: packages, and the programs of a release build."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TARGETS = ("weir", "weir-origin-stub", "bench-tools")


def install(*groups):
    """Whether all packages of these groups are there now. What is missing is said by apt."""
    return subprocess.run([TOP / "deploy/install", *groups], stdin=subprocess.DEVNULL, timeout=900).returncode == 0


def build(*targets):
    """Exits where it does not build."""
    commands = (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", *targets])
    for command in commands:
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=TOP, timeout=3600, **output)
        if done.returncode != 0:
            sys.exit(f"{done.stdout}{' '.join(command)}: failed")


def version(package):
    """Of an installed package; Empty where there is none."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60).stdout


def commit():
    """What is measured; `-dirty` where files were changed since. Empty outside a clone."""
    command = ["git", "-c", "safe.directory=*", "describe", "--always", "--dirty"]
    return subprocess.run(
        command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60
    ).stdout.strip()
