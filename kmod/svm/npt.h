/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_SVM_NPT_H
#define SLAT_SVM_NPT_H

#include "mmu/format.h"

void slat_npt_format(unsigned int levels, bool has_1g, unsigned int host_phys_bits,
		     struct slat_pte_format *format);

#endif /* SLAT_SVM_NPT_H */
