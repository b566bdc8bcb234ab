// Copyright: OpenMRS Event Log contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
package org.openmrs.eventlog;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.resource.*;

/**
 * Accounts look|apply: SCRAM users and ACLs of a broker. It decides nothing: the module broker_accounts does.
 *
 * Reads one JSON document: admin and client (addresses of the listeners), seconds (how long all may take), passwords
 * (by user), operations (for apply, in order). Logs in at the admin listener with the settings in SETTINGS. Prints one
 * JSON document. No secret is in it, whatever happens: of an exception it has the class, and the message only where
 * that is the protocol's own.
 */
public final class Accounts {
    private static final Path SETTINGS = Path.of("/run/event-log/secrets/client.properties");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ScramMechanism SCRAM = ScramMechanism.SCRAM_SHA_512;
    private static final int ITERATIONS = 8192;

    /** What went wrong, by a name that the module knows. */
    private static final class Failure extends Exception {
        private final String kind;
        private final String where;

        Failure(String kind, String where, String said) {
            super(said);
            this.kind = kind;
            this.where = where;
        }
    }

    private final String adminAddress;
    private final String clientAddress;
    private final long deadline;
    private final JsonNode passwords;
    private final JsonNode operations;

    private Accounts(JsonNode asked) {
        adminAddress = asked.required("admin").asText();
        clientAddress = asked.required("client").asText();
        deadline = System.nanoTime() + Duration.ofSeconds(asked.required("seconds").asLong()).toNanos();
        passwords = asked.path("passwords");
        operations = asked.path("operations");
    }

    public static void main(String[] words) {
        ObjectNode told = JSON.createObjectNode();
        try {
            Accounts accounts = new Accounts(JSON.readTree(System.in));
            try (Admin admin = accounts.admin()) {
                if (words[0].equals("apply")) {
                    accounts.apply(admin, told);
                } else {
                    accounts.look(admin, told);
                }
            }
        } catch (Failure failure) {
            told.removeAll().put("error", failure.kind).put("where", failure.where).put("said", failure.getMessage());
        } catch (Exception | LinkageError other) {
            told.removeAll().put("error", "other").put("where", "").put("said", other.getClass().getName());
        }
        System.out.println(told);
        System.exit(told.has("error") ? 1 : 0);
    }

    private void look(Admin admin, ObjectNode told) throws Failure {
        Map<String, Set<String>> users = users(admin);
        users.forEach((user, mechanisms) -> mechanisms.forEach(told.withObject("/users").withArray(user)::add));
        acls(admin).forEach(acl -> told.withArray("acls").add(json(acl)));
        Map<String, String> tried = new TreeMap<>();
        passwords.fieldNames().forEachRemaining(user -> tried.put(user, passwords.get(user).asText()));
        tried.keySet().removeIf(user -> !users.getOrDefault(user, Set.of()).contains(SCRAM.mechanismName()));
        logins(tried).forEach(told.withObject("/logins")::put);
    }

    private void apply(Admin admin, ObjectNode told) throws Failure {
        for (JsonNode one : operations) {
            switch (one.required("do").asText()) {
                case "set_password" -> alter(admin, new UserScramCredentialUpsertion(user(one),
                    new ScramCredentialInfo(SCRAM, ITERATIONS), password(one).getBytes(StandardCharsets.UTF_8)));
                case "delete_user" -> alter(admin, new UserScramCredentialDeletion(user(one), mechanism(one)));
                case "create_acl" -> ask(admin.createAcls(List.of(acl(one))).all(), adminAddress);
                case "delete_acl" -> ask(admin.deleteAcls(List.of(acl(one).toFilter())).all(), adminAddress);
                default -> throw new IllegalArgumentException();
            }
        }
        // The broker takes a moment to go by what it has written down.
        while (!seen(admin)) {
            if (left() < 0) {
                throw new Failure("not_seen", clientAddress, "");
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException nobody) {
                throw new IllegalStateException(nobody);
            }
        }
        told.put("done", operations.size());
    }

    private boolean seen(Admin admin) throws Failure {
        Map<String, Set<String>> users = users(admin);
        Collection<AclBinding> acls = acls(admin);
        Map<String, String> set = new TreeMap<>();
        boolean seen = true;
        for (JsonNode one : operations) {
            switch (one.get("do").asText()) {
                case "set_password" -> set.put(user(one), password(one));
                case "delete_user" -> seen &= !users.getOrDefault(user(one), Set.of()).contains(mechanism(one).mechanismName());
                case "create_acl" -> seen &= acls.contains(acl(one));
                default -> seen &= !acls.contains(acl(one));
            }
        }
        return seen && !logins(set).containsValue(false);
    }

    private Map<String, Set<String>> users(Admin admin) throws Failure {
        Map<String, Set<String>> found = new TreeMap<>();
        ask(admin.describeUserScramCredentials().all(), adminAddress).values().forEach(user -> user.credentialInfos().forEach(
            info -> found.computeIfAbsent(user.name(), name -> new TreeSet<>()).add(info.mechanism().mechanismName())));
        return found;
    }

    private Collection<AclBinding> acls(Admin admin) throws Failure {
        return ask(admin.describeAcls(AclBindingFilter.ANY).values(), adminAddress);
    }

    private void alter(Admin admin, UserScramCredentialAlteration alteration) throws Failure {
        ask(admin.alterUserScramCredentials(List.of(alteration)).all(), adminAddress);
    }

    /** Whether each password is right, all asked at once: an answer of whatever kind needs a login before it. */
    private Map<String, Boolean> logins(Map<String, String> tried) throws Failure {
        Map<String, Admin> clients = new TreeMap<>();
        Map<String, KafkaFuture<?>> answers = new TreeMap<>();
        Map<String, Boolean> right = new TreeMap<>();
        try {
            tried.forEach((user, password) -> {
                Properties settings = new Properties();
                settings.put("security.protocol", "SASL_PLAINTEXT");
                settings.put("sasl.mechanism", SCRAM.mechanismName());
                settings.put("sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required"
                    + " username=" + quoted(user) + " password=" + quoted(password) + ";");
                clients.put(user, client(settings, clientAddress));
                answers.put(user, clients.get(user).describeCluster().clusterId());
            });
            for (String user : answers.keySet()) {
                try {
                    ask(answers.get(user), clientAddress);
                    right.put(user, true);
                } catch (Failure failure) {
                    if (!failure.kind.equals("refused")) {
                        throw failure;
                    }
                    right.put(user, false);
                }
            }
        } finally {
            clients.values().forEach(client -> client.close(Duration.ZERO));
        }
        return right;
    }

    private Admin admin() throws Failure {
        Properties settings = new Properties();
        try (InputStream file = Files.newInputStream(SETTINGS)) {
            settings.load(file);
            return client(settings, adminAddress);
        } catch (Exception unusable) {
            throw new Failure("settings", SETTINGS.toString(), unusable.getClass().getName());
        }
    }

    private Admin client(Properties settings, String address) {
        String patience = String.valueOf(Math.max(1000, left()));
        settings.put("bootstrap.servers", address);
        settings.put("default.api.timeout.ms", patience);
        settings.put("request.timeout.ms", patience);
        return Admin.create(settings);
    }

    private static <T> T ask(KafkaFuture<T> answer, String where) throws Failure {
        try {
            return answer.get();
        } catch (InterruptedException nobody) {
            throw new IllegalStateException(nobody);
        } catch (ExecutionException wrapped) {
            Throwable cause = wrapped.getCause();
            String kind = cause instanceof SaslAuthenticationException ? "refused"
                : cause instanceof AuthenticationException ? "no_login"
                : cause instanceof TimeoutException || cause instanceof DisconnectException ? "unreachable"
                : cause instanceof SecurityDisabledException ? "no_authorizer" : "other";
            throw new Failure(kind, where, cause instanceof ApiException ? cause.getMessage() : cause.getClass().getName());
        }
    }

    private long left() {
        return (deadline - System.nanoTime()) / 1_000_000;
    }

    private static String user(JsonNode operation) {
        return operation.required("user").asText();
    }

    private String password(JsonNode operation) {
        return passwords.required(user(operation)).asText();
    }

    private static ScramMechanism mechanism(JsonNode operation) {
        return ScramMechanism.fromMechanismName(operation.required("mechanism").asText());
    }

    private static AclBinding acl(JsonNode operation) {
        JsonNode acl = operation.required("acl");
        return new AclBinding(
            new ResourcePattern(ResourceType.valueOf(acl.required("resource_type").asText()),
                acl.required("resource").asText(), PatternType.valueOf(acl.required("pattern").asText())),
            new AccessControlEntry(acl.required("principal").asText(), acl.required("host").asText(),
                AclOperation.valueOf(acl.required("operation").asText()),
                AclPermissionType.valueOf(acl.required("permission").asText())));
    }

    private static ObjectNode json(AclBinding acl) {
        return JSON.createObjectNode().put("resource_type", acl.pattern().resourceType().name())
            .put("resource", acl.pattern().name()).put("pattern", acl.pattern().patternType().name())
            .put("principal", acl.entry().principal()).put("host", acl.entry().host())
            .put("operation", acl.entry().operation().name()).put("permission", acl.entry().permissionType().name());
    }

    /** A text as the reader of JAAS settings, which goes by Java's own rules, understands it. */
    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "\\r") + '"';
    }
}
