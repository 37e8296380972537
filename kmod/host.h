/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_HOST_H
#define SLAT_HOST_H

#include "hw.h"

int slat_host_start(const struct slat_hw_ops *hw, struct slat_why *why);
void slat_host_stop(void);
unsigned int slat_host_cpus(void);

#endif /* SLAT_HOST_H */
