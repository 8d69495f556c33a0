"""What ptxas -v printed into a build's log, as a table: ptxas.py LOG"""

import re
import subprocess
import sys

COMPILING = re.compile(r"Compiling entry function '(\w+)' for '(sm_\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
SOURCE = re.compile(r"Building CUDA object \S*/(\w+)_cuda\.cu\.o")
USED = re.compile(r"Used (\d+) registers")


def demangled(names):
    found = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True, check=True)
    return dict(zip(names, found.stdout.split("\n")))


def short(name):
    """kernel<T, tile ...> without the arguments and the namespaces"""
    name = re.sub(r"fluvox::kernels::|\(anonymous namespace\)::|^void ", "", name)
    depth, end = 0, len(name)
    for at, letter in enumerate(name):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "(" and depth == 0:
            end = at
            break
    return re.sub(r"\((int|bool)\)", "", name[:end])


def main():
    rows, sources, source, name, arch, spills = {}, {}, "", None, None, None
    for line in open(sys.argv[1]):
        if found := SOURCE.search(line):
            source = found.group(1)
        elif found := COMPILING.search(line):
            name, arch = found.groups()
            sources[name] = source
        elif found := SPILLS.search(line):
            spills = found.groups()
        elif (found := USED.search(line)) and name:
            rows.setdefault(name, {})[arch] = (found.group(1), spills)
            name = None
    if not rows:
        sys.exit(f"{sys.argv[1]}: expected what ptxas -v prints, found none of it")
    version = subprocess.run(["nvcc", "--version"], text=True, capture_output=True, check=True).stdout
    version = re.search(r"release ([\d.]+), V([\d.]+)", version).group(2)
    archs = sorted({arch for kernel in rows.values() for arch in kernel})
    names = demangled(list(rows))
    print("# Registers and spills of the CUDA kernels\n")
    print(f"As ptxas says (nvcc {version}); written by `tools/bench/ptxas`. Shared memory is asked for at the")
    print("launch, by sizes; what a launch refuses it names in its error. Spills are bytes stored + loaded.\n")
    print("| source | kernel | " + " | ".join(f"{arch}: registers | stack | spills" for arch in archs) + " |")
    print("|---|---|" + "---|" * (3 * len(archs)))
    for mangled in sorted(rows, key=lambda n: (sources[n], short(names[n]))):
        cells = []
        for arch in archs:
            registers, (stack, stores, loads) = rows[mangled].get(arch, ("", ("", 0, 0)))
            cells += [registers, stack, f"{stores} + {loads}"]
        print(f"| {sources[mangled]} | `{short(names[mangled])}` | " + " | ".join(cells) + " |")


main()
