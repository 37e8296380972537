/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_VMX_EPT_H
#define SLAT_VMX_EPT_H

#include "mmu/format.h"

struct slat_vmx_caps;

void slat_ept_format(const struct slat_vmx_caps *caps, unsigned int host_phys_bits,
		     struct slat_pte_format *format);
u64 slat_ept_pointer(const struct slat_pte_format *format, u64 root);

#endif /* SLAT_VMX_EPT_H */
