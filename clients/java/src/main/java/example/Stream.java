package example;

import com.conduit.v1.ChatCompletionRequest;
import com.conduit.v1.ChatMessage;
import com.conduit.v1.ChatRole;
import com.conduit.v1.ContentPart;
import com.conduit.v1.RouterServiceGrpc;
import com.conduit.v1.StreamChatRequest;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;

/** Streams an answer of Conduit's: CONDUIT_ROUTER is host:port of the router, CONDUIT_API_KEY a virtual key. */
public final class Stream {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  public static void main(String[] arguments) {
    ManagedChannel channel =
        Grpc.newChannelBuilder(System.getenv("CONDUIT_ROUTER"), InsecureChannelCredentials.create()).build();
    try {
      Metadata metadata = new Metadata();
      metadata.put(AUTHORIZATION, "Bearer " + System.getenv("CONDUIT_API_KEY"));
      ChatCompletionRequest chat =
          ChatCompletionRequest.newBuilder()
              .setModel("echo")
              .addMessages(
                  ChatMessage.newBuilder()
                      .setRole(ChatRole.CHAT_ROLE_USER)
                      .addContent(ContentPart.newBuilder().setText("Hello from Java!")))
              .build();
      RouterServiceGrpc.newBlockingStub(channel)
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
          .streamChat(StreamChatRequest.newBuilder().setChat(chat).build())
          .forEachRemaining(
              answer ->
                  answer.getChunksList().stream()
                      .flatMap(chunk -> chunk.getChoicesList().stream())
                      .forEach(choice -> System.out.print(choice.getDelta().getContent())));
      System.out.println();
    } finally {
      channel.shutdownNow();
    }
  }
}
