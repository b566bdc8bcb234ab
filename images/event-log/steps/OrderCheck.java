// Copyright: OpenMRS Event Log contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
package org.openmrs.eventlog;

import io.debezium.relational.history.HistoryRecord;
import io.debezium.relational.history.HistoryRecordComparator;
import java.util.HashMap;
import java.util.Map;

/** Run when the image is built: prints what is wrong, or nothing. */
public final class OrderCheck {
    private static final Map<String, Object> HERE = Map.of("server", "openmrs");

    private OrderCheck() {}

    public static void main(String[] none) {
        HistoryRecord position = at("log.000009", 200, Map.of("event", 8, "row", 1));
        expect(true, at("log.000009", 100, Map.of("server_id", 7)), position, "an earlier place");
        expect(true, at("log.000009", 200, Map.of("server_id", 7)), position, "the beginning of the transaction");
        expect(true, at("log.000009", 200, Map.of("snapshot", "INITIAL")), position, "the snapshot");
        expect(false, at("log.000009", 201, Map.of("server_id", 7)), position, "a later place");
        expect(false, at("log.000010", 4, Map.of("server_id", 7)), position, "the next file");
        expect(true, at("log.000008", 900, Map.of("server_id", 7)), position, "the file before");
        expect(false, at("log.000009", 200, Map.of("event", 9)), position, "a later event of the transaction");
        // What cannot be compared by place is the connector's business, which here says no.
        expect(false, at("other.000001", 1, Map.of()), position, "another log");
        expect(false, at("log.000009", 1, Map.of("server_id", 7)), at("log.000009", 2, Map.of("server_id", 8)), "another server");
        expect(false, at("log.000009", 1, Map.of("gtids", "x:1")), position, "GTIDs");
    }

    private static HistoryRecord at(String file, int pos, Map<String, Object> more) {
        Map<String, Object> position = new HashMap<>(more);
        position.put("file", file);
        position.put("pos", pos);
        return new HistoryRecord(HERE, position, "openmrs", null, "ALTER TABLE x", null, null);
    }

    private static void expect(boolean wanted, HistoryRecord recorded, HistoryRecord position, String what) {
        HistoryRecordComparator no = new HistoryRecordComparator() {
            @Override
            public boolean isAtOrBefore(HistoryRecord one, HistoryRecord other) {
                return false;
            }
        };
        if (new OrderedSchemaHistory.ByPosition(no).isAtOrBefore(recorded, position) != wanted) {
            System.out.println(what + " is " + (wanted ? "not " : "") + "taken for part of what was before the position");
        }
    }
}
