/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_VMX_ROOT_H
#define SLAT_VMX_ROOT_H

#include "hw.h"
#include "vmx/caps.h"

int slat_vmx_root_alloc(u32 revision);
void slat_vmx_root_free(void);
int slat_vmx_root_enter(const struct slat_vmx_caps *caps, struct slat_why *why);
void slat_vmx_root_leave(void);
void slat_vmx_root_abandon(void);

#endif /* SLAT_VMX_ROOT_H */
