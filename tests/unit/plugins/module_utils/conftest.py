# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the connector's client, for every test in this folder."""

from tests.unit.plugins.module_utils.connect_answers import clock, late_worker, worker

__all__ = ["clock", "late_worker", "worker"]
