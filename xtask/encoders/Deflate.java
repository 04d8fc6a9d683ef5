// Compresses a file by java.util.zip: `Deflate version`, or `Deflate gz|zip LEVEL FILE OUT`.

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

class Deflate {
    /** A gzip stream whose level can be chosen. */
    static class Gzip extends GZIPOutputStream {
        Gzip(OutputStream out, int level) throws java.io.IOException {
            super(out);
            def.setLevel(level);
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("version")) {
            System.out.println(System.getProperty("java.vm.name") + " " + Runtime.version());
            return;
        }
        int level = Integer.parseInt(arguments[1]);
        Path file = Path.of(arguments[2]);
        byte[] content = Files.readAllBytes(file);
        try (OutputStream out = Files.newOutputStream(Path.of(arguments[3]))) {
            if (arguments[0].equals("gz")) {
                try (Gzip gzip = new Gzip(out, level)) {
                    gzip.write(content);
                }
            } else {
                try (ZipOutputStream zip = new ZipOutputStream(out)) {
                    zip.setLevel(level);
                    ZipEntry entry = new ZipEntry(file.getFileName().toString());
                    entry.setTime(1577836800000L);
                    zip.putNextEntry(entry);
                    zip.write(content);
                    zip.closeEntry();
                }
            }
        }
    }
}
