// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel wants a thread to do before it enters a guest.  It knows KVM's
 * vCPUs only, and tells one of them that a signal has come: this one, which all
 * share and nobody reads.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

#include "compat/compat.h"

static struct kvm_run nobodys_run;
static struct kvm_vcpu nobody = { .run = &nobodys_run };

/**
 * slat_thread_work() - yield, run what has been queued for this thread
 *
 * Process context, nothing held.  May sleep.
 *
 * Return: 0; -EINTR: a signal is pending.
 */
int slat_thread_work(void)
{
	return xfer_to_guest_mode_handle_work(&nobody);
}
