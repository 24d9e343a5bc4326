#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""A whole computer with a chosen processor: Linux in the Bochs emulator.

It executes AVX-512 code on any machine, instruction by instruction. A boot
takes a minute. The
kernel is the one that tools/setup unpacks into the build folder; the initial
file system holds busybox, libc and the files of a test.
"""
import os
import pathlib
import pty
import shutil
import subprocess

import harness

BOCHS = "/usr/share/bochs"
KERNEL = harness.BUILD / "emulator" / "vmlinuz"
END = "=== end of the test"

SETTINGS = """\
display_library: term
config_interface: textconfig
memory: guest=768, host=768
romimage: file={bochs}/BIOS-bochs-latest
vgaromimage: file={bochs}/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
cpu: model={cpu}, count=1, ips=50000000, reset_on_triple_fault=0
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
clock: sync=none
"""

# The kernel's console is not the serial port, so that the output of the test
# stands there alone. clearcpuid hides XSAVEC and XSAVES, whose state has another
# size in the emulator than the kernel computes; it would give up AVX over it.
LOADER = """\
DEFAULT test
PROMPT 0
LABEL test
KERNEL /vmlinuz
INITRD /initrd
APPEND quiet mitigations=off tsc=reliable lpj=1000000 nosmp clearcpuid=321,323
"""

INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
cd /test
/bin/busybox sh ./command > /output 2>&1
/bin/busybox echo "=== exit code $?" >> /output
/bin/busybox echo "{end}" >> /output
/bin/busybox cat /output > /dev/ttyS0
/bin/busybox sleep 2
/bin/busybox poweroff -f
"""


def copy(source, target, mode=0o755):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    target.chmod(mode)


def boot(cpu, command, files, seconds=600):
    """Run a shell command on processor `cpu` (a model that Bochs knows) beside
    the given files; returns its output."""
    folder = harness.WORK / f"emulator-{cpu}"
    shutil.rmtree(folder, ignore_errors=True)
    root, disc = folder / "root", folder / "disc"
    copy("/bin/busybox", root / "bin/busybox")
    copy("/lib64/ld-linux-x86-64.so.2", root / "lib64/ld-linux-x86-64.so.2")
    for name in ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"):
        copy(f"/lib/x86_64-linux-gnu/{name}",
             root / "lib/x86_64-linux-gnu" / name)
    for name in ("proc", "sys", "dev"):
        (root / name).mkdir()
    for file in files:
        copy(file, root / "test" / pathlib.Path(file).name)
    (root / "test/command").write_text(command)
    (root / "init").write_text(INIT.format(end=END))
    (root / "init").chmod(0o755)

    copy(KERNEL, disc / "vmlinuz")
    copy("/usr/lib/ISOLINUX/isolinux.bin", disc / "isolinux/isolinux.bin")
    copy("/usr/lib/syslinux/modules/bios/ldlinux.c32",
         disc / "isolinux/ldlinux.c32")
    (disc / "isolinux/isolinux.cfg").write_text(LOADER)
    with open(disc / "initrd", "wb") as archive:
        names = "\n".join(str(p.relative_to(root))
                          for p in sorted(root.rglob("*")))
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root,
                       input=names.encode(), stdout=archive, check=True)
    subprocess.run(
        ["xorriso", "-as", "mkisofs", "-quiet", "-o", folder / "boot.iso",
         "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
         "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", disc],
        check=True, capture_output=True)

    (folder / "bochsrc").write_text(SETTINGS.format(bochs=BOCHS, cpu=cpu))
    (folder / "start").write_text("c\n")  # Debian's Bochs waits in a debugger
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        ["bochs", "-q", "-f", "bochsrc", "-rc", "start"], cwd=folder,
        stdin=terminal, stdout=subprocess.DEVNULL, stderr=terminal,
        env={**os.environ, "TERM": "xterm"}, start_new_session=True)
    os.close(terminal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        os.close(control)
    serial = folder / "serial.txt"
    text = serial.read_text(errors="replace") if serial.exists() else ""
    text = text.replace("\r\n", "\n")
    if END not in text:
        log = (folder / "bochs.log").read_text(errors="replace")[-1500:]
        raise AssertionError(f"the emulated machine did not finish: {text}\n"
                             f"{log}")
    shutil.rmtree(folder)
    return text[:text.index(END)]
