/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_VM_H
#define SLAT_VM_H

#include "hw.h"

long slat_vm_create(const struct slat_hw_ops *hw, unsigned long type);

#endif /* SLAT_VM_H */
