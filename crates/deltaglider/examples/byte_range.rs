//! Writes part of an object to standard output, whatever form is stored: `byte_range releases app/v2.tar bytes=1000-1999`, or
//! `byte_range file:///path/to/store …`.

use std::error::Error;

use deltaglider::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [bucket, key, range] = <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: byte_range BUCKET KEY bytes=FIRST-LAST")?;
    let client = Client::from_env().await?;
    let got = client.get_object().bucket(bucket).key(key).range(range).send().await;
    // What is read stays under way in pieces: a range of any length takes little memory.
    let written = match got {
        Ok(got) => got.body.write_to(&mut tokio::io::stdout()).await.map(drop),
        Err(error) => Err(error),
    };
    client.close().await?;
    Ok(written?)
}
