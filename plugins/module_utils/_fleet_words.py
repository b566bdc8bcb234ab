# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixed words of the page of all sites, in three languages. Sites speak for themselves. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration, human_bytes, localised

LANGUAGES = ("en", "fr", "es")

#: English, French, Spanish.
_TEXTS = {
    "title": ("Event logs", "Journaux d'événements", "Registros de eventos"),
    "as_of": ("As of {at}.", "État au {at}.", "Situación a {at}."),
    "to_sites": ("To the sites", "Aller aux sites", "Ir a los sitios"),
    "all_sites": ("All sites", "Tous les sites", "Todos los sitios"),
    "site": ("Site", "Site", "Sitio"),
    "state": ("State", "État", "Estado"),
    "behind_by": ("Behind by", "Retard", "Retraso"),
    "disk_free": ("Disk free", "Disque libre", "Disco libre"),
    "nearly_full": ("Nearly full on", "Presque plein le", "Casi lleno el"),
    "heard_of": ("Heard of", "Dernières nouvelles", "Últimas noticias"),
    "report": ("(report)", "(rapport)", "(informe)"),
    "findings": ("Findings", "Constats", "Hallazgos"),
    "state.down": ("down", "en panne", "caído"),
    "state.ill": ("ill", "dégradé", "degradado"),
    "state.away": ("not reached", "injoignable", "sin contacto"),
    "state.unknown": ("never heard of", "jamais vu", "nunca visto"),
    "state.held": ("held", "suspendu", "en pausa"),
    "state.busy": ("busy", "en cours", "en curso"),
    "state.ok": ("well", "en bon état", "bien"),
    "away": (
        "Now {why}. What follows is what it said last: {seen}.",
        "À présent : {why}. Ce qui suit est ce qu'il a dit en dernier : {seen}.",
        "Ahora: {why}. Lo que sigue es lo último que dijo: {seen}.",
    ),
    "away.never": (
        "Now {why}. It was never heard of.",
        "À présent : {why}. On n'en a jamais eu de nouvelles.",
        "Ahora: {why}. Nunca se ha sabido nada de él.",
    ),
    "away.not_reached": ("not reached: ", "injoignable : ", "sin contacto: "),
    "away.no_answer": ("no answer: ", "pas de réponse : ", "sin respuesta: "),
    "away.older": (
        "the event log there is older than this collection and cannot tell; run site.yml",
        "le journal d'événements y est plus ancien que cette collection et ne peut pas répondre ; lancez site.yml",
        "el registro de eventos allí es anterior a esta colección y no puede responder; ejecute site.yml",
    ),
    "away.not_installed": (
        "the event log is not installed there; run site.yml",
        "le journal d'événements n'y est pas installé ; lancez site.yml",
        "el registro de eventos no está instalado allí; ejecute site.yml",
    ),
    "never": ("never", "jamais", "nunca"),
    "just_now": ("just now", "à l'instant", "ahora mismo"),
    "ago": ("{moment}, {age} ago", "{moment}, il y a {age}", "{moment}, hace {age}"),
    "not_filling": ("it does not fill", "il ne se remplit pas", "no se llena"),
    "decade": ("in more than ten years", "dans plus de dix ans", "dentro de más de diez años"),
    "fact.behind": ("Behind the database by", "Retard sur la base", "Retraso respecto a la base de datos"),
    "newest": ("Newest event", "Dernier événement", "Último evento"),
    "fact.full": (
        "Less than {limit} % free on",
        "Moins de {limit} % libres le",
        "Menos del {limit} % libre el",
    ),
    "fact.events": ("Events on the disk", "Événements sur le disque", "Eventos en el disco"),
    "fact.others": ("All else on that disk", "Tout le reste sur ce disque", "Todo lo demás en ese disco"),
    "fact.binlog": (
        "Binary log reaches back to",
        "Le journal binaire (binlog) remonte à",
        "El registro binario (binlog) llega hasta",
    ),
    "fact.kept": (
        "Binary log is kept for",
        "Le journal binaire (binlog) est gardé",
        "El registro binario (binlog) se guarda",
    ),
    "fact.kept_ever": ("ever", "pour toujours", "para siempre"),
    "fact.outage": ("Longest outage", "Plus longue panne", "Ausencia más larga"),
    "fact.outage_from": ("{took}, from {since}", "{took}, à partir du {since}", "{took}, desde {since}"),
    "fact.backup": ("Last backup", "Dernière sauvegarde", "Última copia de seguridad"),
    "fact.authority": ("Authority of the database", "Autorité de la base", "Autoridad de la base de datos"),
    "fact.truststore": (
        "What the connector trusts",
        "Ce à quoi le connecteur se fie",
        "En qué confía el conector",
    ),
    "fact.certificate": ("Certificate of the database", "Certificat de la base", "Certificado de la base de datos"),
    "until.left": ("until {day}, {left} left", "jusqu'au {day}, reste {left}", "hasta el {day}, quedan {left}"),
    "until.expired": ("until {day}, expired", "jusqu'au {day}, expiré", "hasta el {day}, caducado"),
    "until.unverified": (", not verified", ", non vérifié", ", no verificado"),
    "group": ("Consumer group {name}", "Groupe de consommateurs {name}", "Grupo de consumidores {name}"),
    "group.unknown": ("not known", "inconnu", "no se sabe"),
    "group.behind": ("{events} events behind", "{events} événements de retard", "{events} eventos de retraso"),
    "group.read": ("has read all", "a tout lu", "ha leído todo"),
    "group.since": (", since {since}", ", depuis {since}", ", desde {since}"),
    "group.away": (", not connected", ", non connecté", ", no conectado"),
    "version.kafka": ("Kafka", "Kafka", "Kafka"),
    "version.debezium": ("Debezium", "Debezium", "Debezium"),
    "version.database": ("Database", "Base de données", "Base de datos"),
    "fact.image": ("Image", "Image", "Imagen"),
    "fact.not_told": ("Not told", "Non communiqué", "No comunicado"),
    "tasks": ("{state}, tasks: {tasks}", "{state}, tâches : {tasks}", "{state}, tareas: {tasks}"),
    "none": ("none", "aucune", "ninguna"),
    "topics": ("Topics: {count}", "Topics : {count}", "Topics: {count}"),
    "topics_of": ("Topics of {name}", "Topics de {name}", "Topics de {name}"),
    "topic": ("Topic", "Topic", "Topic"),
    "kept": ("Events kept", "Événements gardés", "Eventos guardados"),
    "on_day": ("On {day}", "Le {day}", "El {day}"),
    "last_day": ("Last day", "Dernier jour", "Último día"),
    "on_disk": ("On disk", "Sur le disque", "En el disco"),
    "acts": ("What the guard did lately", "Ce que le gardien a fait dernièrement", "Lo último que hizo el guardián"),
    "chart.disk": (
        "How full the disk of {name} was, day by day",
        "Remplissage du disque de {name}, jour par jour",
        "Ocupación del disco de {name}, día a día",
    ),
    "chart.disk_note": (
        "The disk in use. Dashed: {limit} % are free, and history that everybody has read begins to go.",
        "Le disque occupé. En pointillé : {limit} % sont libres, et l'historique que tous ont lu commence à partir.",
        "El disco en uso. Línea discontinua: {limit} % libre; empieza a borrarse el historial leído por todos.",
    ),
    "chart.events": (
        "Events of {name}, day by day",
        "Événements de {name}, jour par jour",
        "Eventos de {name}, día a día",
    ),
    "chart.events_note": (
        "Events of each day, {most} at most.",
        "Événements de chaque jour, {most} au plus.",
        "Eventos de cada día, {most} como máximo.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """Speaks one language."""

    language: str = "en"

    def __call__(self, key: str, **fields: Any) -> str:
        return _TEXTS[key][LANGUAGES.index(self.language)].format(**fields)

    def fixed(self) -> Dict[str, str]:
        """All texts without values, by a name that a template can say."""
        return {key: self(key) for key, texts in _TEXTS.items() if "{" not in texts[0] and "." not in key}

    def size(self, number: float) -> str:
        return human_bytes(int(number), self.language)

    def duration(self, seconds: float) -> str:
        return duration(seconds, self.language)

    def number(self, number: float) -> str:
        return localised(f"{number:g}", self.language)
