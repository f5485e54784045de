// Streams an answer of Conduit's: CONDUIT_ROUTER is host:port of the router, CONDUIT_API_KEY a virtual key.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	conduitv1 "example.com/stream/gen/conduit/v1"
)

func main() {
	connection, err := grpc.NewClient(
		os.Getenv("CONDUIT_ROUTER"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx := metadata.AppendToOutgoingContext(
		context.Background(), "authorization", "Bearer "+os.Getenv("CONDUIT_API_KEY"))
	stream, err := conduitv1.NewRouterServiceClient(connection).StreamChat(ctx, &conduitv1.StreamChatRequest{
		Form: &conduitv1.StreamChatRequest_Chat{Chat: &conduitv1.ChatCompletionRequest{
			Model: "echo",
			Messages: []*conduitv1.ChatMessage{{
				Role:    conduitv1.ChatRole_CHAT_ROLE_USER,
				Content: []*conduitv1.ContentPart{{Part: &conduitv1.ContentPart_Text{Text: "Hello from Go!"}}},
			}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		for _, chunk := range answer.Chunks {
			for _, choice := range chunk.Choices {
				fmt.Print(choice.Delta.GetContent())
			}
		}
	}
	fmt.Println()
}
