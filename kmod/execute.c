// SPDX-License-Identifier: GPL-2.0-only
#include "vcpu.h"

int slat_vcpu_execute(struct slat_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	vcpu->run->internal.ndata = 0;
	return 0;
}
