// The JDK's own HTTP client, which asks for HTTP/2 (h2c) on its first request. Arguments: base URL.
// Prints each question's raw answer in base64, one per line.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Base64;

public class Chat {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String stream : new String[] {"false", "true", "true"}) {
            String body = "{\"model\":\"m\",\"stream\":" + stream
                    + ",\"messages\":[{\"role\":\"user\",\"content\":\"java \\u00fc " + stream + "\"}]}";
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + "/chat/completions"))
                    .header("Content-Type", "application/json")
                    .header("Authorization", "Bearer sk-of-the-user")
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
            if (response.statusCode() != 200) throw new IllegalStateException("status " + response.statusCode());
            System.out.println(Base64.getEncoder().encodeToString(response.body()));
        }
    }
}
