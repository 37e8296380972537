// SPDX-License-Identifier: GPL-2.0-only
/* KVM's CPU-hotplug state may sleep and fail (newer), or may not (older). */
#include <linux/cpuhotplug.h>

enum cpuhp_state probe(void);

enum cpuhp_state probe(void)
{
	return CPUHP_AP_KVM_ONLINE;
}
