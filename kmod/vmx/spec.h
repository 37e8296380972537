/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_VMX_SPEC_H
#define SLAT_VMX_SPEC_H

#include "cpu/cpu.h"

int slat_vmx_spec_setup(void);
void slat_vmx_spec_teardown(void);
void slat_vmx_spec_switch(void);
void slat_vmx_spec_enter(struct slat_cpu *cpu);
void slat_vmx_spec_exit(void);

#endif /* SLAT_VMX_SPEC_H */
