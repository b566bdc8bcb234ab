// Copyright: OpenMRS Event Log contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
package org.openmrs.eventlog;

import io.debezium.config.Configuration;
import io.debezium.document.Document;
import io.debezium.relational.history.HistoryRecord;
import io.debezium.relational.history.HistoryRecordComparator;
import io.debezium.relational.history.SchemaHistoryListener;
import io.debezium.storage.kafka.history.KafkaSchemaHistory;

/**
 * The schema history in Kafka, of which a connector at its start takes what lies before its position, and no more.
 *
 * Debezium 3.6 takes all of it from a server without GTIDs. A position that it reads back has lost its server_id; two
 * servers that differ are compared by the time ts_ms, which positions do not have; and nothing is at or before nothing.
 * Rows from before a change of their table, read again after it, then fail for good, or are taken for other columns.
 */
public class OrderedSchemaHistory extends KafkaSchemaHistory {
    @Override
    public void configure(
            Configuration config, HistoryRecordComparator comparator, SchemaHistoryListener listener, boolean catalogs) {
        super.configure(config, new ByPosition(comparator), listener, catalogs);
    }

    /** Compares places in the binary log where both have one of the same server; all else as the connector does. */
    static final class ByPosition extends HistoryRecordComparator {
        private static final String[] WITHIN_A_FILE = {"pos", "event", "row"};
        private final HistoryRecordComparator connector;

        ByPosition(HistoryRecordComparator connector) {
            this.connector = connector;
        }

        @Override
        public boolean isAtOrBefore(HistoryRecord recorded, HistoryRecord position) {
            Document one = recorded.document().getDocument(HistoryRecord.Fields.POSITION);
            Document other = position.document().getDocument(HistoryRecord.Fields.POSITION);
            if (one == null || other == null || !sameLog(one, other)) {
                return connector.isAtOrBefore(recorded, position);
            }
            Document source = recorded.document().getDocument(HistoryRecord.Fields.SOURCE);
            return isSameSource(source, position.document().getDocument(HistoryRecord.Fields.SOURCE))
                    && compare(one, other) <= 0;
        }

        private static boolean sameLog(Document one, Document other) {
            int first = one.getInteger("server_id", 0);
            int second = other.getInteger("server_id", 0);
            return (first == second || first == 0 || second == 0) // 0: not known
                    && !one.has("gtids") && !other.has("gtids")
                    && number(one) >= 0 && number(other) >= 0 && name(one).equals(name(other));
        }

        private static int compare(Document one, Document other) {
            int found = Long.compare(number(one), number(other));
            for (String part : WITHIN_A_FILE) {
                if (found == 0) {
                    found = Long.compare(one.getLong(part, 0L), other.getLong(part, 0L));
                }
            }
            return found;
        }

        /** What comes before the last dot of a file's name: another name is another log. */
        private static String name(Document position) {
            String file = position.getString("file");
            return file.substring(0, file.lastIndexOf('.'));
        }

        /** What comes after it, or -1 where that is no number. */
        private static long number(Document position) {
            String file = position.getString("file");
            int dot = file == null ? -1 : file.lastIndexOf('.');
            try {
                return dot < 0 ? -1 : Long.parseLong(file.substring(dot + 1));
            } catch (NumberFormatException none) {
                return -1;
            }
        }
    }
}
