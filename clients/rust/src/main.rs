//! Streams an answer of Conduit's: CONDUIT_ROUTER is host:port of the router, CONDUIT_API_KEY a virtual key.

use std::env::var;

pub mod google {
    pub mod api {
        tonic::include_proto!("google.api");
    }
}

pub mod conduit {
    pub mod v1 {
        #![allow(clippy::all)]
        tonic::include_proto!("conduit.v1");
    }
}

use conduit::v1::content_part::Part;
use conduit::v1::router_service_client::RouterServiceClient;
use conduit::v1::stream_chat_request::Form;
use conduit::v1::{ChatCompletionRequest, ChatMessage, ChatRole, ContentPart, StreamChatRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut router = RouterServiceClient::connect(format!("http://{}", var("CONDUIT_ROUTER")?)).await?;
    let chat = ChatCompletionRequest {
        model: "echo".into(),
        messages: vec![ChatMessage {
            role: ChatRole::User.into(),
            content: vec![ContentPart { part: Some(Part::Text("Hello from Rust!".into())), ..Default::default() }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut request = tonic::Request::new(StreamChatRequest { form: Some(Form::Chat(chat)), ..Default::default() });
    request.metadata_mut().insert("authorization", format!("Bearer {}", var("CONDUIT_API_KEY")?).parse()?);
    let mut stream = router.stream_chat(request).await?.into_inner();
    while let Some(answer) = stream.message().await? {
        for choice in answer.chunks.iter().flat_map(|chunk| &chunk.choices) {
            print!("{}", choice.delta.as_ref().and_then(|delta| delta.content.as_deref()).unwrap_or(""));
        }
    }
    println!();
    Ok(())
}
