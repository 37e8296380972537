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

# Where `make install' puts things; DESTDIR= comes before all of it.
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^\#define SLAT_VERSION[[:space:]]*"\(.*\)"/\1/p' kmod/main.c)
# A distribution signs with a key that it keeps.
NO_SIGNATURE = $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)
DKMS_SOURCE = $(DESTDIR)/usr/src/slat-$(VERSION)

all: module userspace

help:
	@echo 'make demo            show Slat at work on this machine or an emulated one'
	@echo 'make check           install what is needed, build, run all tests'
	@echo 'make check-unit      the tests that need no machine, in seconds'
	@echo 'make check-full      make check and all that takes longer'
	@echo 'make check-kvm-selftests'
	@echo "                     KVM's own selftests, where Slat is /dev/kvm"
	@echo 'make bench           what it costs beside KVM, on the emulated machine'
	@echo 'make [KDIR=DIR]      the module for a kernel, and the programs'
	@echo 'make module KERNEL=K the module for a kernel of the lab (lab list)'
	@echo 'make docs            the documentation, as HTML'
	@echo 'make man             the manual pages'
	@echo 'make install         module, program, manual pages, completion, udev rule'
	@echo '                     (PREFIX= DESTDIR= UDEVDIR=)'
	@echo 'make install-dkms    instead of a module its sources, for dkms(8)'
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

man: deps
	@sphinx-build -q -W --keep-going -b man -d $(BUILD)/doctrees-man \
		Documentation $(BUILD)/man

demo: deps
	@selftests/demo

check: deps
	@selftests/run

check-full: deps
	@selftests/run --full

check-unit: deps
	@selftests/run unit model uapi

check-kvm-selftests: deps
	@selftests/run kvm-selftests-all

bench: deps
	@selftests/bench/bench

install: module install-userspace
	$(MAKE) -C $(KDIR) M=$(MODULE_BUILD)/kmod INSTALL_MOD_PATH=$(DESTDIR) \
		INSTALL_MOD_DIR=updates DEPMOD=true $(NO_SIGNATURE) modules_install
	$(if $(DESTDIR),,depmod $$($(MAKE) -s -C $(KDIR) kernelrelease))

install-userspace: userspace man
	$(MAKE) -C userspace BUILD=$(BUILD)/userspace install
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(BUILD)/man/*.1

install-dkms: install-userspace
	install -d $(DKMS_SOURCE)
	rsync -rlp --chmod=u=rwX,go=rX --delete kmod uapi dkms.conf LICENSE \
		$(DKMS_SOURCE)/

clean:
	rm -rf $(BUILD)

.PHONY: all help deps module userspace docs man demo check check-full check-unit \
	check-kvm-selftests bench install install-userspace install-dkms clean
