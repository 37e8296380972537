/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_VMX_SPEC_H
#define SLAT_VMX_SPEC_H

int slat_vmx_spec_setup(void);
void slat_vmx_spec_teardown(void);
void slat_vmx_spec_switch(void);
void slat_vmx_spec_enter(void);
void slat_vmx_spec_exit(void);

#endif /* SLAT_VMX_SPEC_H */
