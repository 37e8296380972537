# SPDX-License-Identifier: GPL-2.0-only
#
# Slat.  See README.md; `make help' lists the targets.

top := $(CURDIR)
BUILD := $(top)/build
LAB := $(top)/selftests/lab/lab
MAKEFLAGS += --no-print-directory

# Which kernel the module is for: one of the lab's by name (KERNEL=lean), any
# other by its build folder (KDIR=...), by default the one that runs here.
ifdef KERNEL
KDIR = $(shell $(LAB) kdir $(KERNEL))
else
KDIR ?= /lib/modules/$(shell uname -r)/build
endif
MODULE_BUILD := $(BUILD)/$(or $(KERNEL),module)
W ?= 1

all: module userspace

help:
	@echo 'make demo            show Slat at work on this machine or an emulated one'
	@echo 'make check           install what is needed, build, run all tests'
	@echo 'make check-unit      the tests that need no machine, in seconds'
	@echo 'make check-full      make check and all that takes longer'
	@echo 'make bench           what it costs beside KVM, on the emulated machine'
	@echo 'make [KDIR=DIR]      the module for a kernel, and the programs'
	@echo 'make module KERNEL=K the module for a kernel of the lab (lab list)'
	@echo 'make docs            the documentation, as HTML'
	@echo 'make install         the module, the programs, the udev rule'
	@echo 'make clean           everything but the cached kernels (lab clean)'

deps:
	@.ci/install-packages

# A kernel builds a module in the folder of its sources: each kernel gets a
# copy of them.  Whatever the build put there stays.
module: deps
	@mkdir -p $(MODULE_BUILD)
	@kdir='$(KDIR)'; [ -e "$$kdir/Makefile" ] || { \
		echo "no kernel build folder '$$kdir': install this kernel's headers or give KDIR=" >&2; \
		exit 1; }; \
	exec 9>$(MODULE_BUILD)/.lock; flock 9; \
	rsync -a --delete -f 'P *.o' -f 'P *.ko' -f 'P .*' -f 'P *.mod*' -f 'P *.order' \
		-f 'P *.symvers' -f 'P probed.h' kmod uapi $(MODULE_BUILD)/ && \
	$(MAKE) -C "$$kdir" M=$(MODULE_BUILD)/kmod CONFIG_SLAT=m W=$(W) modules

userspace: deps
	@$(MAKE) -C userspace BUILD=$(BUILD)/userspace

docs: deps
	@sphinx-build -q -W --keep-going -j auto -b html -d $(BUILD)/doctrees \
		Documentation $(BUILD)/html

demo: deps
	@selftests/demo

check: deps
	@selftests/run

check-full: deps
	@selftests/run --full

check-unit: deps
	@selftests/run unit uapi

bench: deps
	@selftests/bench/bench

install: module userspace
	$(MAKE) -C $(KDIR) M=$(MODULE_BUILD)/kmod modules_install
	$(MAKE) -C userspace BUILD=$(BUILD)/userspace install

clean:
	rm -rf $(BUILD)

.PHONY: all help deps module userspace docs demo check check-full check-unit bench install clean
