# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made-up people: names in the scripts that meet in one registry, places, identifiers with their check digit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Tuple

GIVEN_F = (
    *("Amina", "Wanjiru", "Achieng", "Neema", "Fatuma", "Chipo", "Marie-Ange", "Guerline", "María José", "Zélie"),
    *("አልማዝ", "ብርቱካን", "𞤊𞤢𞤼𞤭𞤥𞤢", "Nguyễn Thị", "সুমাইয়া", "فاطمة", "Ọlábísí", "Grace"),
)
GIVEN_M = (
    *("Baraka", "Juma", "Otieno", "Kipchoge", "Tendai", "Jean-Baptiste", "Wilfrid", "José", "Séraphin", "Kwame"),
    *("አበበ", "ከበደ", "𞤀𞤣𞤤𞤢𞤥", "Đức", "রহিম", "محمد", "Adébáyọ̀", "Peter"),
)
FAMILY = (
    *(
        "Mwangi",
        "Ochieng",
        "Kiprono",
        "Wafula",
        "Hassan",
        "Moyo",
        "Jean-Louis",
        "Désir",
        "D'Haiti",
        "N'Diaye",
        "O'Brien",
    ),
    *("ከበደ", "ተስፋዬ", "𞤄𞤢𞥄", "Trần", "চৌধুরী", "الأمين", "Ògúnlẹ́yẹ", "Gómez Peña", "Ndlovu", "Banda"),
)
#: village, district, province, country
PLACES = (
    ("Turbo", "Uasin Gishu", "Rift Valley", "Kenya"),
    ("Mosoriot", "Nandi", "Rift Valley", "Kenya"),
    ("Port Victoria", "Busia", "Western", "Kenya"),
    ("Mirebalais", "Mirebalais", "Centre", "Haiti"),
    ("Lascahobas", "Lascahobas", "Centre", "Haiti"),
    ("Rwinkwavu", "Kayonza", "Iburasirazuba", "Rwanda"),
    ("Neno", "Neno", "Southern", "Malawi"),
    ("Kohoun", "Atacora", "Nord-Ouest", "Bénin"),
)


@dataclass(frozen=True)
class PersonName:
    given: str
    middle: str
    family: str
    family2: str

    @property
    def columns(self) -> dict[str, str | None]:
        return {
            "given_name": self.given,
            "middle_name": self.middle or None,
            "family_name": self.family,
            "family_name2": self.family2 or None,
        }


def random_uuid(rng: Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def person_name(rng: Random, gender: str) -> PersonName:
    given = GIVEN_F if gender == "F" else GIVEN_M
    middle = rng.choice(given) if rng.random() < 0.3 else ""
    family2 = rng.choice(FAMILY) if rng.random() < 0.1 else ""
    return PersonName(rng.choice(given), middle, rng.choice(FAMILY), family2)


def place(rng: Random) -> Tuple[str, str, str, str]:
    return rng.choice(PLACES)


def check_digit(number: int) -> int:
    """Luhn's digit, as OpenMRS's identifier validator computes it for plain digits."""
    total = 0
    for position, digit in enumerate(reversed(str(number))):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


def openmrs_number(patient_id: int) -> str:
    return f"{10000 + patient_id}-{check_digit(10000 + patient_id)}"
