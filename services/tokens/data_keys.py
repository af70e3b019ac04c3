"""Data keys from KMS: made and unwrapped by one KMS key of the environment, which never leaves KMS."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.aws import AwsError, Client
from tokens.sealing import DataKey, UnsealError

# KMS: the ciphertext is not of this key or context, was changed, or names another key.
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsDataKeys:
    """The DataKeys of a KMS key. Its role needs kms:GenerateDataKey and kms:Decrypt on it, nothing else."""

    def __init__(self, key_id: str, client: Client) -> None:
        self._key_id = key_id
        self._client = client

    async def make(self, context: Mapping[str, str]) -> DataKey:
        async with self._client.use() as kms:
            made = await kms.generate_data_key(
                KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=dict(context)
            )
        return DataKey(made["Plaintext"], made["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        try:
            async with self._client.use() as kms:
                found = await kms.decrypt(
                    KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext=dict(context)
                )
        except AwsError as error:
            if error.code in _NOT_OURS:
                raise UnsealError(
                    f"signing key {context['kid']}: KMS does not open it; KMS_KEY_ID is not the key it was sealed "
                    "with, or what is stored belongs to another"
                ) from error
            raise
        return bytes(found["Plaintext"])

    async def open(self) -> None:
        """Make the client before the first request does."""
        await self._client.open()

    async def close(self) -> None:
        """Close the connections to KMS."""
        await self._client.close()
