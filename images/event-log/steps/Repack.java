// Copyright: OpenMRS Event Log contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Repack DIRECTORY DROP: writes every jar under DIRECTORY anew, its entries in the same order but not compressed, with
 * one fixed time. The image's archive is compressed as a whole, and does that far better when the classes are plain.
 * Entries whose name matches the regular expression DROP are left out.
 */
public class Repack {
    private static final LocalDateTime TIME = LocalDateTime.of(2025, 1, 1, 0, 0);
    private static final Pattern SIGNATURE = Pattern.compile("META-INF/[^/]+\\.(SF|RSA|DSA|EC)");

    public static void main(String[] arguments) throws IOException {
        Pattern drop = Pattern.compile(arguments[1]);
        List<Path> jars;
        try (Stream<Path> all = Files.walk(Path.of(arguments[0]))) {
            jars = all.filter(path -> path.toString().endsWith(".jar")).sorted().toList();
        }
        long dropped = 0;
        for (Path jar : jars) {
            dropped += repack(jar, drop);
        }
        System.out.println(jars.size() + " jars repacked, " + dropped + " bytes left out");
    }

    private static long repack(Path jar, Pattern drop) throws IOException {
        Path fresh = jar.resolveSibling(jar.getFileName() + ".part");
        long dropped = 0;
        try (ZipFile old = new ZipFile(jar.toFile());
                OutputStream file = Files.newOutputStream(fresh);
                ZipOutputStream zip = new ZipOutputStream(file)) {
            for (ZipEntry entry : Collections.list(old.entries())) {
                if (SIGNATURE.matcher(entry.getName()).matches()) {
                    throw new IOException(jar + " is signed: its entries may not be touched");
                }
                byte[] content = old.getInputStream(entry).readAllBytes();
                if (drop.matcher(entry.getName()).matches()) {
                    dropped += content.length;
                    continue;
                }
                CRC32 sum = new CRC32();
                sum.update(content);
                ZipEntry stored = new ZipEntry(entry.getName());
                stored.setMethod(ZipEntry.STORED);
                stored.setSize(content.length);
                stored.setCrc(sum.getValue());
                stored.setTimeLocal(TIME);
                zip.putNextEntry(stored);
                zip.write(content);
                zip.closeEntry();
            }
        }
        Files.move(fresh, jar, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        return dropped;
    }
}
